export { RegistryError, type RegistryFailure, type ReportedError } from "./errors.ts";
export type {
  Access,
  BlobBytes,
  BlobRange,
  FetchedManifest,
  Reference,
  RegistryAccess,
  RegistryOptions,
  RepositoryAccess,
  Upload,
} from "./interface.ts";
