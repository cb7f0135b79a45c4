/**
 * A snapshotter for containerd, as a proxy plugin. The layers, bottom up: database.ts and directories.ts (what is recorded, and where its files are),
 * content-store.ts and images.ts (images of PuzzleFS, from containerd's content store to mounts), snapshotter.ts (the operations), service.ts and serve.ts
 * (gRPC on a socket).
 */
export { SnapshotError } from "./errors.ts";
export { startSnapshotter, type RunningSnapshotter, type SnapshotterOptions } from "./serve.ts";
export { definitionOf } from "./service.ts";
