/** Replaces the npm package `@grpc/proto-loader` in the bundle: grpc-js loads it only for services about itself. */
export const loadSync = undefined;
