/** What push and pull share with `pack`: for packages of this program, not for others. */
export type { BaseSource, OpenedBase } from "../base.ts";
export { openLayout } from "../build.ts";
export { type BundleParts, bundleContent, compressBundle } from "./bundle.ts";
export { KnownPacks } from "./known-packs.ts";
export { bytesOf, liveBytes, type PackPlan, planPacks, type PackSource } from "./pack-plan.ts";
export { type CopyProgress, type CanonicalParts, stagePackedForm } from "./packed-form.ts";
export { chunksOf, closeBlobs, configBytes, metadataOf } from "./stored-image.ts";
export { type Chunk, chunksInWalkOrder } from "./walk-order.ts";
