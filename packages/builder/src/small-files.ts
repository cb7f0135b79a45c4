import type { ContentStream } from "./content-stream.ts";
import { addPiece, type Pieces } from "./pieces.ts";
import type { SourceEntry, StoredContent } from "./source.ts";
import type { SmallPosition, StoredChunks } from "./stored-chunks.ts";

/** A small file, of which the bytes before `from` are in chunks. */
interface Waiting {
  readonly node: { pieces: Pieces };
  readonly size: number;
  readonly path: string;
  /** Of the base, with its position; undefined for a new file. */
  readonly stored: (StoredContent & { readonly position: number }) | undefined;
  from: number;
}

/**
 * The stream of small files of a tree that has files of a base image, cut as if all of it were read. What follows a
 * boundary of chunks depends only on the bytes that follow, so where a boundary of the base is one here too, and all
 * files up to the next boundary are the base's, that chunk is the base's. Only around other files the base's are read.
 *
 * Either files are held back unread, from a common boundary on, or they are in the stream, up to a common boundary.
 */
export class SmallFiles {
  readonly #stream: ContentStream;
  readonly #stored: StoredChunks;
  #held: Waiting[] = [];
  #streamed: Waiting[] = [];
  /** Where the chunk ends at which the held files begin, as long as they begin there; finding it takes longer the more files it has. */
  #chunk: { head: Waiting; from: number; end: SmallPosition | undefined } | undefined;

  constructor(stream: ContentStream, stored: StoredChunks) {
    this.#stream = stream;
    this.#stored = stored;
  }

  /** Adds a file of at least one byte. Returns undefined if that is done, otherwise what does the rest. */
  add(node: { pieces: Pieces; size: number }, file: SourceEntry): Generator<void> | undefined {
    const { stored } = file;
    const position = stored?.position;
    const waiting = {
      node,
      size: node.size,
      path: file.path,
      stored: stored === undefined || position === undefined ? undefined : { ...contentOf(stored), position },
      from: 0,
    };
    if (position === undefined || this.#streamed.length > 0 || !this.#follows(position))
      return this.#read(waiting, file);
    this.#held.push(waiting);
    this.#takeChunks();
    return undefined;
  }

  /** The stream ends here. */
  close(): void {
    const [head] = this.#held;
    const last = this.#held.at(-1)?.stored;
    const isEnd = last !== undefined && last.position === this.#stored.smallFiles - 1;
    if (isEnd && head !== undefined && this.#stored.chunkEnd(positionOf(head)) === undefined) {
      for (const held of this.#held) this.#assign(held, held.size);
    } else {
      const reading = this.#readHeld();
      while (reading.next().done !== true);
    }
    this.#held = [];
    this.#stream.close();
  }

  #follows(position: number): boolean {
    const last = this.#held.at(-1)?.stored;
    if (last === undefined) return this.#stored.isBoundary({ file: position, offset: 0 });
    return last.position + 1 === position;
  }

  *#read(waiting: Waiting, file: SourceEntry): Generator<void> {
    yield* this.#readHeld();
    yield* this.#deliver(waiting, (stream) => file.content(stream));
    this.#holdBack();
  }

  *#readHeld(): Generator<void> {
    for (const held of this.#held) yield* this.#deliver(held, (stream) => held.stored?.content(stream, held.from));
    this.#held = [];
  }

  *#deliver(waiting: Waiting, read: (stream: ContentStream) => Iterable<void> | undefined): Generator<void> {
    this.#stream.begin(waiting.node, waiting.size - waiting.from, waiting.path);
    const rest = read(this.#stream);
    if (rest !== undefined) yield* rest;
    this.#stream.end();
    this.#streamed.push(waiting);
  }

  /** Takes what is not cut yet out of the stream, if it begins at a common boundary and has only files that follow one another in the base. */
  #holdBack(): void {
    const { files, left } = this.#stream.uncut;
    const uncut = files === 0 ? [] : this.#streamed.slice(-files);
    this.#streamed = uncut;
    const [head] = uncut;
    if (head?.stored === undefined) return;
    const { position } = head.stored;
    if (!uncut.every(({ stored }, index) => stored?.position === position + index)) return;
    const offset = head.size - left;
    if (!this.#stored.isBoundary({ file: position, offset })) return;
    this.#stream.takeBack();
    head.from = offset;
    this.#held = uncut;
    this.#streamed = [];
    this.#takeChunks();
  }

  /** Uses the base's chunks for the files that are held back, as far as they are all there. */
  #takeChunks(): void {
    for (let head = this.#held.at(0); head !== undefined; head = this.#held.at(0)) {
      const end = this.#endOf(head);
      const last = this.#held.at(-1)?.stored?.position ?? -1;
      // The last chunk ends where it does because the stream ends there.
      if (end === undefined || last < end.file) return;
      const complete = this.#held.splice(0, end.file - positionOf(head).file);
      for (const held of complete) this.#assign(held, held.size);
      const [rest] = this.#held as [Waiting];
      this.#assign(rest, end.offset);
      if (end.offset === rest.size) this.#held.shift();
    }
  }

  #endOf(head: Waiting): SmallPosition | undefined {
    const { from } = head;
    if (this.#chunk?.head !== head || this.#chunk.from !== from)
      this.#chunk = { head, from, end: this.#stored.chunkEnd(positionOf(head)) };
    return this.#chunk.end;
  }

  /** Adds the base's pieces up to byte `to`. */
  #assign(waiting: Waiting, to: number): void {
    const pieces = waiting.stored?.pieces ?? [];
    for (let index = 0, at = 0; index < pieces.length; at += pieces[index + 2], index += 3)
      if (at >= waiting.from && at < to) addPiece(waiting.node, pieces[index], pieces[index + 1], pieces[index + 2]);
    waiting.from = to;
  }
}

function positionOf({ stored, from }: Waiting): SmallPosition {
  return { file: stored?.position ?? -1, offset: from };
}

/** Without the rest of its object: entries of a source would keep their directories. */
function contentOf(stored: StoredContent): Pick<StoredContent, "pieces" | "content"> {
  return { pieces: stored.pieces, content: (sink, from) => stored.content(sink, from) };
}
