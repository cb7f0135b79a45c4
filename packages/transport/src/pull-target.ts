import type { Layout, Platform, StagedBlob, Transaction, Turns } from "@puzzlefs/oci";
import type { Download } from "./download.ts";

/** Where an image is written. */
export interface PullTarget {
  layout: Layout;
  transaction: Transaction;
  turns: Turns;
}

/** An image that is to be committed. */
export interface Pulled {
  /** As index.json will name it. */
  manifest: Buffer;
  staged: StagedBlob[];
  packs: number;
  /** Packs that the layout did not have. */
  newPacks: number;
}

/** What must be received of an image, and what is made of it. */
export interface Transfer {
  downloads: Download[];
  /** After all downloads. */
  end(platform: Platform): Promise<Pulled>;
  /** After a failure: the chunks that have arrived. */
  salvage(): StagedBlob[];
}
