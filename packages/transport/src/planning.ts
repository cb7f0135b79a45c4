/** What push and pull decide without the bytes of chunks: for the benchmark that simulates many receivers, not for other programs. */
export { patchesOf } from "./bundle.ts";
export { rangesOf } from "./download.ts";
export { packContents, wayOf } from "./pack-contents.ts";
export { configuredPlatform } from "./platform.ts";
export { PacksThere, type PackOrigin, planPush } from "./push-packs.ts";
export { type CanonicalDocuments, packedForm, type PatchBase, type RegistryForm } from "./registry-form.ts";
