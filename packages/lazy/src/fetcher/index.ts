export { type FetcherSettings, runFetcher } from "./server.ts";
