/** What registries, their stores and the network do wrong, as a table: each entry breaks the answers to requests for blobs or manifests. */
import type { ServerResponse } from "node:http";
import type { RegistryFailure } from "./errors.ts";
import { endless, refuse, type Seen, sendBlob, type Intercept, type TestRegistry } from "./test-registry-fixture.ts";

export interface RegistryFault {
  name: string;
  /** Whether a client gets all bytes nevertheless, or with which error it fails. */
  outcome: "survived" | RegistryFailure;
  /** Begins anew: some faults pass after a few requests. */
  begin(): Intercept;
}

type Break = (seen: Seen, response: ServerResponse, bytes: Buffer, registry: TestRegistry) => boolean;

/** Breaks GET requests for blobs. */
const ofBlobs =
  (begin: () => Break): (() => Intercept) =>
  () => {
    const breakIt = begin();
    return (seen, response, registry) => {
      const [, repository, digest] = /^\/v2\/(.+)\/blobs\/(sha256:[0-9a-f]{64})$/.exec(seen.path) ?? [];
      const bytes = registry.blobs.get(`${repository}@${digest}`);
      return seen.method === "GET" && bytes !== undefined && breakIt(seen, response, bytes, registry);
    };
  };

/** The same for the first `count` requests only. */
const times =
  (count: number, breakIt: Break): (() => Break) =>
  () => {
    let left = count;
    return (...request) => left-- > 0 && breakIt(...request);
  };

const always =
  (breakIt: Break): (() => Break) =>
  () =>
    breakIt;

const withoutRange = (seen: Seen): Seen => ({ ...seen, headers: { ...seen.headers, range: undefined } });

const status =
  (code: number, error: string, headers: Record<string, string> = {}): Break =>
  (_seen, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    refuse(response, code, error);
    return true;
  };

const onlyRanges =
  (breakIt: Break): Break =>
  (seen, ...rest) =>
    seen.headers.range !== undefined && breakIt(seen, ...rest);

/** Half of what is asked for, and then whatever `end` does. */
const half =
  (end: (response: ServerResponse) => void): Break =>
  (seen, response, bytes) => {
    let written: Buffer = Buffer.alloc(0);
    const { end: send } = response;
    response.end = ((part?: Buffer) => {
      written = part ?? written;
      response.end = send;
      response.write(written.subarray(0, written.length >> 1), () => end(response));
      return response;
    }) as ServerResponse["end"];
    sendBlob(seen, response, bytes);
    return true;
  };

const changed = (change: (bytes: Buffer) => Buffer): Break => {
  return (seen, response, bytes) => {
    sendBlob(seen, response, change(bytes));
    return true;
  };
};

/** For the client: a fault is repeated at once, and a connection stalls after two seconds. */
export const FAULT_TIMING = { pause: 1, stall: 2000 };

export const registryFaults: readonly RegistryFault[] = [
  {
    name: "a range is answered with the whole blob",
    outcome: "survived",
    begin: ofBlobs(always((seen, response, bytes) => (sendBlob(withoutRange(seen), response, bytes), true))),
  },
  { name: "416 to every range", outcome: "survived", begin: ofBlobs(always(onlyRanges(status(416, "RANGE_INVALID")))) },
  { name: "400 to every range", outcome: "survived", begin: ofBlobs(always(onlyRanges(status(400, "UNSUPPORTED")))) },
  {
    name: "another range than the one that was asked for",
    outcome: "survived",
    begin: ofBlobs(
      always(
        onlyRanges((seen, response, bytes) => {
          sendBlob({ ...seen, headers: { ...seen.headers, range: "bytes=0-0" } }, response, bytes);
          return true;
        }),
      ),
    ),
  },
  {
    name: "connections that break in the middle",
    outcome: "survived",
    begin: ofBlobs(
      times(
        3,
        half((response) => response.destroy()),
      ),
    ),
  },
  {
    name: "connections that are closed without an answer",
    outcome: "survived",
    begin: ofBlobs(times(3, (_seen, response) => (response.destroy(), true))),
  },
  {
    name: "a connection that stalls",
    outcome: "survived",
    begin: ofBlobs(
      times(
        1,
        half(() => {}),
      ),
    ),
  },
  {
    name: "429 with Retry-After: 10ms",
    outcome: "survived",
    begin: ofBlobs(times(3, status(429, "TOOMANYREQUESTS", { "retry-after": "10ms" }))),
  },
  { name: "503 for a while", outcome: "survived", begin: ofBlobs(times(3, status(503, "UNAVAILABLE"))) },
  { name: "503 for good", outcome: "failed", begin: ofBlobs(always(status(503, "UNAVAILABLE"))) },
  {
    name: "429 for good",
    outcome: "limited",
    begin: ofBlobs(always(status(429, "TOOMANYREQUESTS", { "retry-after": "1ms" }))),
  },
  { name: "the blob is missing", outcome: "missing", begin: ofBlobs(always(status(404, "BLOB_UNKNOWN"))) },
  { name: "access is denied", outcome: "denied", begin: ofBlobs(always(status(403, "DENIED"))) },
  {
    name: "wrong bytes",
    outcome: "corrupt",
    begin: ofBlobs(always(changed((bytes) => Buffer.from(bytes.map((byte) => byte ^ 1))))),
  },
  {
    name: "a blob that is shorter than its size",
    outcome: "corrupt",
    begin: ofBlobs(always(changed((bytes) => bytes.subarray(1)))),
  },
  {
    name: "a blob that is longer than its size",
    outcome: "corrupt",
    begin: ofBlobs(
      always((_seen, response, bytes) => {
        // Without a length before.
        response.write(bytes);
        response.end(bytes);
        return true;
      }),
    ),
  },
  {
    name: "an endless body",
    outcome: "corrupt",
    begin: ofBlobs(
      always((_seen, response, bytes) => {
        endless(response, bytes);
        return true;
      }),
    ),
  },
  {
    name: "no HTTP",
    outcome: "unreachable",
    begin: ofBlobs(always((_seen, response) => (response.socket?.end("SSH-2.0-OpenSSH_9.2\r\n"), true))),
  },
  {
    name: "redirections without an end",
    outcome: "protocol",
    begin: ofBlobs(always((seen, response) => (response.writeHead(307, { location: seen.path }).end(), true))),
  },
  {
    name: "a body in small pieces",
    outcome: "survived",
    begin: ofBlobs(
      always((seen, response, bytes) => {
        const { end } = response;
        response.end = ((part: Buffer) => {
          response.end = end;
          const step = Math.ceil(part.length / 50) || 1;
          const next = (at: number): void => {
            if (at >= part.length) response.end();
            else response.write(part.subarray(at, at + step), () => setImmediate(next, at + step));
          };
          next(0);
          return response;
        }) as ServerResponse["end"];
        sendBlob(seen, response, bytes);
        return true;
      }),
    ),
  },
];
