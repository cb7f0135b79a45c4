import type { Trust } from "./trust.ts";

/** What an endpoint may be asked for: "pull" is what has a digest, "resolve" the digest of a tag. */
export type Capability = "pull" | "resolve" | "push" | "referrers";

export const ALL_CAPABILITIES: readonly Capability[] = ["pull", "resolve", "push", "referrers"];

/** "either": https if the registry answers so, otherwise http. */
export type Scheme = "https" | "http" | "either";

/** Where and how a registry or a mirror is reached. */
export interface Endpoint {
  /** In messages, and as identity of an endpoint: the host, with what is not usual of its URL. */
  name: string;
  /** host[:port], for which credentials are looked up. */
  host: string;
  /** Of the API, with a slash at both ends: "/v2/". */
  path: string;
  scheme: Scheme;
  /** The certificate is not checked. */
  skipsVerification: boolean;
  capabilities: readonly Capability[];
  /** Sent to it with each request. */
  headers: Readonly<Record<string, string[]>>;
  /** Its certificates, instead of those of certs.d. */
  trust?: Trust;
  /** The registry for which this mirror is asked: `ns` of requests. */
  namespace?: string;
  /** Milliseconds until a connection must have been made; default: the time in which a connection stalls. */
  dialTimeout?: number;
}

/** The endpoint of a registry or a mirror of which hosts.toml has nothing. */
export function plainEndpoint(host: string, insecure: boolean, plainHttp: boolean): Endpoint {
  const scheme = plainHttp ? "http" : insecure ? "either" : "https";
  return {
    name: host,
    host,
    path: "/v2/",
    scheme,
    skipsVerification: insecure,
    capabilities: ALL_CAPABILITIES,
    headers: {},
  };
}
