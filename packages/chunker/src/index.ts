export { Chunker } from "./chunker.ts";
export {
  checkChunkSizes,
  defaultChunkSizes,
  OptionError,
  parseChunkSizes,
  parseSize,
  type ChunkSizes,
} from "./sizes.ts";
