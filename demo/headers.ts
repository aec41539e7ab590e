/** Response headers that the page wants: what a server sends, and what the service worker adds where none does. */

/**
 * What the page may run and reach. It can send nothing anywhere: it connects to its own host, and to the hub that
 * the models of the catalog are downloaded from, whose files lie on several hosts.
 */
export const CONTENT_SECURITY_POLICY: string = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob:",
  "manifest-src 'self'",
  "connect-src 'self' blob: data: https://huggingface.co https://*.huggingface.co https://*.hf.co",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** What makes the page cross-origin isolated, so that WASM may use threads. */
export const ISOLATION: Readonly<Record<string, string>> = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** All of them. */
export const HEADERS: Readonly<Record<string, string>> = {
  ...ISOLATION,
  "Content-Security-Policy": `${CONTENT_SECURITY_POLICY}; frame-ancestors 'self'`,
};
