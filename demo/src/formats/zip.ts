/** Zips: their files, and those of labels in them, as the export writes them. */
import { BlobReader, BlobWriter, configure, type FileEntry, ZipReader } from "@zip.js/zip.js/lib/zip-core-custom.js";
import { ImportError } from "./errors.ts";

// this code runs in a worker already, and the page's policy forbids zip.js's own workers
configure({ useWebWorkers: false });

/** Files that may hold labels; hidden ones, which some systems write beside each file, do not. */
const LABELS = /(?:^|\/)(?!\.)[^/]*\.(?:json|geojson|xml|csv|tsv|txt|names|ya?ml|png|svg|psd)$/i;

/** Bytes that the files of labels may take, unpacked. */
const MOST_UNPACKED = 2 ** 30;

/** A file, and its name or its path. */
export interface LabelsFile {
  readonly name: string;
  readonly blob: Blob;
}

/** Does something with the files of a zip, by their paths; `what` is expected. The zip is closed then. @throws ImportError */
export async function withFilesOf<T>(
  file: Blob,
  what: string,
  use: (files: ReadonlyMap<string, FileEntry>) => Promise<T>,
): Promise<T> {
  const zip = new ZipReader(new BlobReader(file));
  try {
    const entries = await zip.getEntries().catch((error: Error) => {
      throw new ImportError(`expected ${what}: ${error.message}`);
    });
    const files = entries.filter((entry): entry is FileEntry => !entry.directory);
    return await use(new Map(files.map((entry) => [entry.filename, entry])));
  } finally {
    await zip.close();
  }
}

/** The same files, but instead of each zip the files of labels in it. @throws ImportError */
export async function unpacked(given: readonly LabelsFile[]): Promise<LabelsFile[]> {
  const all: LabelsFile[] = [];
  let size = 0;
  for (const file of given) {
    if (!/\.zip$/i.test(file.name)) {
      all.push(file);
      continue;
    }
    await withFilesOf(file.blob, "a whole zip", async (files) => {
      const labels = [...files].filter(([name]) => LABELS.test(name));
      if (labels.length === 0) throw new ImportError(`${file.name}: expected files of labels in it, got none`);
      for (const [name, entry] of labels) {
        size += entry.uncompressedSize;
        if (size > MOST_UNPACKED) {
          throw new ImportError(
            `${file.name}: expected at most ${MOST_UNPACKED} bytes of labels; unpack it, and import its files`,
          );
        }
        try {
          all.push({ name, blob: await entry.getData(new BlobWriter(), { checkSignature: true }) });
        } catch (error) {
          throw new ImportError(`${file.name}: ${name} is damaged: ${(error as Error).message}`);
        }
      }
    });
  }
  return all;
}
