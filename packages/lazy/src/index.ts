export { checkChunks, chunkPlan } from "./chunk-plan.ts";
export { connectFetcher, startFetcher } from "./connect.ts";
export { FetchClient } from "./fetch-client.ts";
export { LazyBlobs } from "./lazy-blobs.ts";
export { type FetchOrder, LARGEST_CHUNK } from "./protocol.ts";
