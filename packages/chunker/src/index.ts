export { Chunker } from "./chunker.ts";
export { checkChunkSizes, defaultChunkSizes, parseChunkSizes, type ChunkSizes } from "./sizes.ts";
