export { Chunker } from "./chunker.ts";
export { checkChunkSizes, defaultChunkSizes, OptionError, parseChunkSizes, type ChunkSizes } from "./sizes.ts";
