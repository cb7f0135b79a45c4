import { createHash } from "node:crypto";
import { readSync, writeSync } from "node:fs";
import { availableBytes, close } from "@puzzlefs/linux";
import {
  collectGarbageAsync,
  FILE_MODE,
  forgetLazy,
  type Layout,
  LayoutError,
  lazyPlaces,
  Transaction,
  Turns,
} from "@puzzlefs/oci";
import type { PackRecord } from "@puzzlefs/format";
import type { ChunkPlan, RemoteChunk } from "../chunk-plan.ts";
import type { RepositoryAccess } from "@puzzlefs/registry";

const COPY_BYTES = 1 << 20;

export interface Completion {
  layout: Layout;
  /** Hex. */
  manifest: string;
  plan: ChunkPlan;
  repository: RepositoryAccess;
  signal: AbortSignal;
  /** Bytes of free space that stay free. */
  reserve: number;
  /** Images that the kernel driver has mounted, for gc. */
  mounted: () => Iterable<string>;
}

/**
 * Makes an ordinary image of a lazy one whose chunks are all in the layout: packs are made of its chunks, which are removed then unless another
 * image needs them. What a pack has between them, chunks of older images, is fetched.
 */
export async function completeImage(work: Completion): Promise<void> {
  const { layout, manifest, plan, signal } = work;
  const table = lazyPlaces(layout, manifest);
  const chunks = table === undefined ? [] : chunksByBlob(plan);
  for (const record of table?.packs ?? []) {
    signal.throwIfAborted();
    if (layout.blobs.size(record.digest) === record.size) continue;
    checkRoom(work, record);
    await makePack(
      work,
      record,
      chunks.filter(({ blob }) => blob === record.digest),
    );
  }
  // Also those of packs that a fetcher made which was killed then.
  if (chunks.length > 0) await removeChunks(work, new Set(chunks.map(({ digest }) => digest)));
  forgetLazy(layout, manifest);
}

/** The chunks stay beside the packs until all packs are made. */
function checkRoom({ layout, reserve }: Completion, { digest, size }: PackRecord): void {
  if (availableBytes(layout.blobs.directory.descriptor) >= size + reserve) return;
  const problem = `no room for its ${size} bytes beside its chunks, with ${reserve} bytes that stay free`;
  throw new Error(`${layout.blobs.pathOf(digest)}: ${problem}: the image stays lazy`);
}

/** In a store that other layouts share, and beside an image that cannot be followed, they stay. */
async function removeChunks({ layout, mounted, signal }: Completion, only: ReadonlySet<string>): Promise<void> {
  try {
    const turns = new Turns(() => signal.throwIfAborted());
    await collectGarbageAsync(layout, { grace: 0, only, mounted }, turns);
  } catch (error) {
    if (!(error instanceof LayoutError) || error.kind !== "refused") throw error;
  }
}

function chunksByBlob(plan: ChunkPlan): RemoteChunk[] {
  return Array.from({ length: plan.length }, (_, position) => plan.at(position));
}

async function makePack(work: Completion, record: PackRecord, chunks: readonly RemoteChunk[]): Promise<void> {
  const { layout } = work;
  const turns = new Turns(() => work.signal.throwIfAborted());
  const transaction = await Transaction.beginAsync(layout, turns);
  try {
    const temporary = "pack";
    const descriptor = transaction.directory.createFile(temporary, FILE_MODE);
    try {
      let position = 0;
      for (const { digest, offset, size } of chunks) {
        if (offset > position) await copyRemote(work, record, position, offset, descriptor);
        copyAt(layout.blobs.read(digest, size), descriptor, offset);
        position = Math.max(position, offset + size);
        if (turns.isDue) await turns.take();
      }
      if (position < record.size) await copyRemote(work, record, position, record.size, descriptor);
      const found = await hashOf(descriptor, record.size, turns);
      if (found !== record.digest) {
        const problem = `made of its chunks, it has sha256 ${found}`;
        throw new LayoutError("corrupt", layout.blobs.pathOf(record.digest), problem);
      }
    } finally {
      close(descriptor);
    }
    await transaction.commitBlobsAsync([{ temporary, digest: record.digest }], turns);
  } finally {
    transaction.abort();
  }
}

async function copyRemote(
  { repository, signal }: Completion,
  { digest, size }: PackRecord,
  start: number,
  end: number,
  into: number,
): Promise<void> {
  const answer = await repository.blob(`sha256:${digest}`, { size, start, end, signal });
  let position = answer.start;
  for await (const part of answer.stream as AsyncIterable<Buffer>) {
    const from = Math.max(0, start - position);
    const to = Math.min(part.length, end - position);
    if (from < to) copyAt(part.subarray(from, to), into, position + from);
    position += part.length;
  }
}

function copyAt(bytes: Uint8Array, into: number, position: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(into, bytes, done, bytes.length - done, position + done);
}

async function hashOf(descriptor: number, size: number, turns: Turns): Promise<string> {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(COPY_BYTES);
  for (let position = 0; position < size;) {
    const count = readSync(descriptor, buffer, 0, Math.min(COPY_BYTES, size - position), position);
    if (count === 0) break;
    hash.update(buffer.subarray(0, count));
    position += count;
    if (turns.isDue) await turns.take();
  }
  return hash.digest("hex");
}
