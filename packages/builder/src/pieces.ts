/** Where a file's content is: `[chunk, offset in it, length]`, flat, in the order of the file. */
export type Pieces = number[];

/** The chunk number of a piece that is a hole. */
export const holeChunk = -1;

/** The pieces of files without content, and of those that are not read yet: one array, because there are many. */
export const noPieces: Pieces = Object.freeze([] as number[]) as Pieces;

/** Adds a piece at the end of the content that a file has so far. */
export function addPiece(file: { pieces: Pieces }, chunk: number, offset: number, length: number): void {
  // Most files have one piece; an array that is pushed to would keep room for five more.
  if (file.pieces.length === 0) file.pieces = [chunk, offset, length];
  else file.pieces.push(chunk, offset, length);
}
