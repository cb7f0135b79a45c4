import type { PackSource } from "@puzzlefs/builder/packed";
import type { PackRecord, Place } from "@puzzlefs/format";

/** The packs of several images as those of one: a chunk is where the first of them that has it in a usable pack has it. */
export class PackUnion implements PackSource {
  readonly packs: PackRecord[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #sources: { find: PackSource["find"]; numbers: (number | undefined)[] }[] = [];

  /** @param isUsable packs for which it returns false are left out */
  constructor(sources: readonly PackSource[], isUsable: (digest: string) => boolean) {
    for (const { packs, find } of sources) {
      const numbers = packs.map((pack) => (isUsable(pack.digest) ? this.#add(pack) : undefined));
      this.#sources.push({ find, numbers });
    }
  }

  readonly find = (digest: string): Place | undefined => {
    for (const { find, numbers } of this.#sources) {
      const place = find(digest);
      const pack = place === undefined ? undefined : numbers[place.pack];
      if (place !== undefined && pack !== undefined) return { ...place, pack };
    }
    return undefined;
  };

  #add(pack: PackRecord): number {
    const known = this.#numbers.get(pack.digest);
    if (known !== undefined) return known;
    this.#numbers.set(pack.digest, this.packs.length);
    return this.packs.push(pack) - 1;
  }
}
