import type { BlobFile } from "./blob-file.ts";
import type { Decompression } from "./blob.ts";
export class SeekTable {
  starts: Float64Array; stored: Float64Array;
  constructor(s: Float64Array, t: Float64Array) { this.starts = s; this.stored = t; }
  get length(): number { return this.starts.at(-1) as number; }
  find(offset: number): number {
    let low = 0, high = this.starts.length - 1;
    while (low < high) { const m = (low + high) >>> 1; if ((this.starts[m + 1] as number) > offset) high = m; else low = m + 1; }
    return low;
  }
  start(f: number): number { return this.starts[f] as number; }
  storedStart(f: number): number { return this.stored[f] as number; }
  storedEnd(f: number): number { return this.stored[f + 1] as number; }
}
export function readSeekTable(file: BlobFile, shared: Decompression): SeekTable {
  const footer = Buffer.from(shared.stored(file, file.size - 9, file.size, file.size));
  const n = footer.readUInt32LE(0);
  const sz = (footer[4] as number) & 128 ? 12 : 8;
  const t = Buffer.from(shared.stored(file, file.size - 9 - n * sz, file.size, file.size));
  const s = new Float64Array(n + 1), c = new Float64Array(n + 1);
  for (let i = 0; i < n; i++) { c[i + 1] = (c[i] as number) + t.readUInt32LE(i * sz); s[i + 1] = (s[i] as number) + t.readUInt32LE(i * sz + 4); }
  return new SeekTable(s, c);
}
