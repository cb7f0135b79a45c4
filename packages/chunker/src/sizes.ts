/** Bounds on the length of a chunk, in bytes. Only the last chunk of a stream may be shorter than `min`. */
export interface ChunkSizes {
  readonly min: number;
  readonly avg: number;
  readonly max: number;
}

/** The sizes of the Rust tool: images that it makes share chunks with ours. */
export const defaultChunkSizes: ChunkSizes = { min: 16384, avg: 65536, max: 262144 };

const limits = {
  min: { from: 64, to: 1 << 20 },
  avg: { from: 256, to: 1 << 22 },
  max: { from: 1024, to: 1 << 24 },
} as const;

/** A value that an option cannot have; a mistake of the caller's. */
export class OptionError extends RangeError {
  override readonly name = "OptionError";
}

/** Throws an OptionError with what is allowed, unless `sizes` are ascending and inside FastCDC's limits. */
export function checkChunkSizes(sizes: ChunkSizes): void {
  for (const key of ["min", "avg", "max"] as const) {
    const { from, to } = limits[key];
    const size = sizes[key];
    if (!Number.isInteger(size) || size < from || size > to) {
      throw new OptionError(`chunk size ${key} must be between ${from} and ${to} bytes, not ${size}`);
    }
  }
  if (sizes.min > sizes.avg || sizes.avg > sizes.max) {
    throw new OptionError(`chunk sizes must ascend: min ${sizes.min}, avg ${sizes.avg}, max ${sizes.max}`);
  }
}

/** Parses MIN:AVG:MAX, sizes as parseSize() takes them. Throws an OptionError. */
export function parseChunkSizes(text: string): ChunkSizes {
  const [min, avg, max, ...rest] = text.split(":").map(parseSize);
  if (min === undefined || avg === undefined || max === undefined || rest.length > 0) {
    throw new OptionError(`chunk sizes are written MIN:AVG:MAX, as in 16K:64K:256K, not "${text}"`);
  }
  const sizes = { min, avg, max };
  checkChunkSizes(sizes);
  return sizes;
}

/**
 * Parses a whole number of bytes with an optional suffix K, M or G (powers of 1024; KiB and KB are K). Undefined: it is none.
 * The result can be too large to be a safe integer.
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+)([KMG]?)i?B?$/i.exec(text);
  return match === null ? undefined : Number(match[1]) * 1024 ** " KMG".indexOf((match[2] || " ").toUpperCase());
}
