import type { Field, StructType, UnionType } from "../ir.ts";

const BITS: Record<string, number> = { Bool: 1, UInt16: 16, UInt32: 32, UInt64: 64, Int64: 64 };
const TAG_BITS = 16;

/**
 * Assigns every member its position, as Cap'n Proto's own compiler does: in the order of ordinals, each in the
 * smallest hole it fits, else in a new word; a union's members share one pointer, and its tag is placed
 * with its second member.
 */
export function layOut(struct: { name: string; doc: string; fields: Field[]; unions: UnionType[] }): StructType {
  const holes: { at: number; bits: number }[] = [];
  let words = 0;
  let pointers = 0;
  const allocate = (bits: number): number => {
    holes.sort((a, b) => a.bits - b.bits || a.at - b.at);
    let hole = holes.find((candidate) => candidate.bits >= bits);
    if (hole === undefined) {
      hole = { at: words++ * 64, bits: 64 };
      holes.push(hole);
    }
    holes.splice(holes.indexOf(hole), 1);
    for (let half = hole.bits / 2; half >= bits; half /= 2) holes.push({ at: hole.at + half, bits: half });
    return hole.at;
  };

  const unionOf = new Map(struct.unions.flatMap((union) => union.members.map((field) => [field, union] as const)));
  const seen = new Map<UnionType, { count: number; pointer: number | undefined }>();
  const ordered = [...struct.fields, ...unionOf.keys()].toSorted((a, b) => a.ordinal - b.ordinal);
  let base: { words: number; pointers: number } | undefined;

  for (const field of ordered) {
    if (field.added) base ??= { words, pointers };
    const union = unionOf.get(field);
    const state = union === undefined ? undefined : (seen.get(union) ?? { count: 0, pointer: undefined });
    if (union !== undefined && state !== undefined) {
      seen.set(union, state);
      if (++state.count === 2) union.tag = allocate(TAG_BITS);
    }
    const bits = BITS[field.wire];
    if (bits !== undefined) field.slot = allocate(bits);
    else if (field.type.is !== "void") {
      field.slot = state?.pointer ?? pointers++;
      if (state !== undefined) state.pointer = field.slot;
    }
  }
  base ??= { words, pointers };
  return { ...struct, words, pointers, baseWords: base.words, basePointers: base.pointers };
}
