import type { Progress } from "@puzzlefs/builder";
import { ProgressBar } from "./terminal/progress-bar.ts";
import { formatBytes, formatCountOf } from "./terminal/quantities.ts";

/** The bars of a command that makes an image: one while content is read and stored, another while chunks are copied into packs. */
export class BuildProgress {
  readonly #building: ProgressBar;
  #packing: ProgressBar | undefined;

  constructor(label: string) {
    this.#building = new ProgressBar(label);
  }

  /** @param total bytes of content, if that is known */
  update({ bytes, chunks, newBytes, packed }: Progress, total: number | undefined): void {
    const details = [formatCountOf(chunks, "chunk"), `${formatBytes(newBytes)} new`];
    if (packed === undefined) return this.#building.update(bytes, total, details);
    this.#packing ??= new ProgressBar("packing");
    this.#packing.update(packed.done, packed.total);
  }

  finish(): void {
    this.#building.finish();
  }
}
