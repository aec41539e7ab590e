/** How many there are of something, in words: `1 box`, `2 boxes`. */
export function counted(count: number, one: string, more = `${one}s`): string {
  return `${count} ${count === 1 ? one : more}`;
}
