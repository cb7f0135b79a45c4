/** Field widths of the kernel's FUSE structs. Every field is a little number of bytes, in the host's byte order. */
export const u16 = 2;
export const u32 = 4;
export const u64 = 8;

type Width = typeof u16 | typeof u32 | typeof u64;

/** Byte offsets of a struct's fields. */
export type Offsets<Fields> = { readonly [Field in keyof Fields]: number };

/**
 * Lays `fields` out as C does and asserts that the whole has `bytes` bytes and needs no padding: the kernel's structs
 * declare their padding, so a gap means that a field is missing here.
 */
export function struct<const Fields extends Record<string, Width>>(bytes: number, fields: Fields): Offsets<Fields> {
  const offsets: Record<string, number> = {};
  let at = 0;
  for (const [field, width] of Object.entries(fields)) {
    if (at % width !== 0) throw new RangeError(`${field} is not aligned: byte ${at}`);
    offsets[field] = at;
    at += width;
  }
  if (at !== bytes) throw new RangeError(`struct has ${at} bytes, expected ${bytes}`);
  return offsets as Offsets<Fields>;
}
