export { abortable } from "./abort.ts";
export { joinSlices, type Slice, type SliceRange } from "./ranges.ts";
export { pull, type PullOptions, type PullResult } from "./pull.ts";
export { push } from "./push.ts";
export type { Base, PushOptions, PushResult } from "./push-options.ts";
export { type LazyPullRequest, type LazyPullResult, pullLazy } from "./pull-lazy.ts";
export type { SignatureChoice, SignatureCounts } from "./signatures.ts";
export { remoteBase } from "./remote-base.ts";
