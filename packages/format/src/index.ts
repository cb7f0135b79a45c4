export { FormatError } from "./errors.ts";
export type { FailureKind } from "./errors.ts";
export { Bytes, StructList } from "./runtime.ts";
export * from "./generated/metadata.ts";
export * from "./generated/rules.ts";
export * from "./generated/writer.ts";
export { openMetadata } from "./open.ts";
