/** COCO files, written piece by piece: their lists may be longer than fits in memory. */

/** A field of a COCO file: a value, or the entries of a list as they are made. */
type Field = object | string | number | boolean | null | AsyncIterable<object>;

function isMade(field: Field): field is AsyncIterable<object> {
  return typeof field === "object" && field !== null && Symbol.asyncIterator in field;
}

/** Characters that are written at a time. */
const PIECE = 65_536;

/** A COCO file's text, in pieces. */
export async function* cocoText(fields: Readonly<Record<string, Field>>): AsyncGenerator<string> {
  let text = "{";
  for (const [place, [name, value]] of Object.entries(fields).entries()) {
    text += `${place === 0 ? "" : ","}${JSON.stringify(name)}:`;
    if (!isMade(value)) text += JSON.stringify(value);
    else {
      let before = "[";
      for await (const entry of value) {
        text += before + JSON.stringify(entry);
        before = ",";
        if (text.length < PIECE) continue;
        yield text;
        text = "";
      }
      text += before === "[" ? "[]" : "]";
    }
  }
  yield `${text}}\n`;
}
