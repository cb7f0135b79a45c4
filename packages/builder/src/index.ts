export { build } from "./build.ts";
export { BuildError } from "./errors.ts";
export { ImageSource } from "./image-source.ts";
export { type Omission, type Omissions } from "./omissions.ts";
export { parseMtime, type BuildOptions, type BuildResult, type MtimePolicy, type Progress } from "./options.ts";
export { packImage, type PackOptions, type PackResult, type RepackOptions } from "./packed/pack-image.ts";
export { unpackImage, type UnpackResult } from "./packed/unpack-image.ts";
export type { ContentSink, Source, SourceEntry, SourceXattr } from "./source.ts";
export { TreeSize } from "./tree-size.ts";
