/** Text in XML. */

/** Characters that XML has no way to write, besides the five that have names. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNWRITABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/** A text as XML has it, in an element or in an attribute; what it has no way to write is replaced. */
export function escaped(text: string): string {
  return text.replace(UNWRITABLE, "\ufffd").replace(/[&<>"\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}
