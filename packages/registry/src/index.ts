export { RegistryError, type RegistryFailure, type ReportedError } from "./errors.ts";
export type {
  Access,
  BlobBytes,
  BlobRange,
  FetchedManifest,
  Reference,
  Referrer,
  RegistryAccess,
  RegistryOptions,
  RegistrySettings,
  RepositoryAccess,
  Upload,
} from "./interface.ts";
export { REGISTRY_VARIABLES } from "./environment.ts";
export { isDigest, parseReference, referenceOf } from "./reference.ts";
export { Registry } from "./registry.ts";
