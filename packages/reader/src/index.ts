export { blobKey, type BlobKey, keyDigest } from "./blob-key.ts";
export { compareTrees, type Aspect, type CompareOptions, type Difference } from "./compare-trees.ts";
export { ContentMap } from "./content-map.ts";
export { DirectoryTree, dumpDirectory, type DirectoryTreeOptions } from "./directory-tree.ts";
export type { DumpEntry } from "./dump-entry.ts";
export { dump, type DumpOptions } from "./dump.ts";
export { enableVerity } from "./enable-verity.ts";
export { IntegrityError, PathError, type IntegrityReason, type PathErrorCode } from "./errors.ts";
export { escapeBytes } from "./escape.ts";
export { extract, type ExtractOptions, type ExtractResult } from "./extract.ts";
export type { ExtractWarning, Loss } from "./extract-warnings.ts";
export type { BlobCache } from "./blob-cache.ts";
export {
  openBlobCache,
  openHeader,
  openImage,
  openImageAt,
  openImageIn,
  readHeader,
  readHeaderIn,
  type OpenImageOptions,
} from "./image.ts";
export type { ImageHeader, PackedForm } from "./image-header.ts";
export { decompressBundle, settleBundle, withChunks } from "./packed-image.ts";
export { countImage, fileRuns, type FileRun, type ImageCounts } from "./image-counts.ts";
export { ImageTree, visibleInodes } from "./image-tree.ts";
export { PackUse, type PackBytes } from "./pack-use.ts";
export { catPath, listPath, readContent, sortedEntries, statPath, type Listed } from "./path-queries.ts";
export { resolveName, resolvePath, splitPath, type ResolvedPath } from "./path.ts";
export { TRAIT_ACLS, TRAIT_OVERLAY, TRAIT_SELINUX, TRAIT_XATTRS } from "@puzzlefs/format";
export { type SignedImage, verifySigned } from "./signed-image.ts";
export { Selection } from "./selection.ts";
export { StoredContent, type DirectoryBytes, type FileBytes } from "./stored-content.ts";
export type { Attributes, Extent, InodeKind, Tree, TreeEntry } from "./tree.ts";
export { hostXattrReason, isKnownXattr } from "./xattr-names.ts";
export { verifyImage, type VerifyOptions, type VerifyReport } from "./verify.ts";
export type { LazyReport } from "./verify-lazy.ts";
export type { VerifyProblem } from "./verify-problem.ts";
export { pathOf, walkTree, type Visit, type Visitor } from "./walk-tree.ts";
