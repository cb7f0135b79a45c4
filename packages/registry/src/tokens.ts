import { isObject, parseJson } from "@puzzlefs/oci";
import type { Answer } from "./answer.ts";
import type { Challenge } from "./challenge.ts";
import type { Credentials } from "./credential-helper.ts";
import { RegistryError } from "./errors.ts";

/** Seconds; for tokens without a time, and as the least. */
const SHORTEST_LIFE = 60;
/** Seconds before its end at which a token is not used any more. */
const MARGIN = 10;

/** A request to a token server, for which redirections are followed. Authorization is not sent to another host. */
export type TokenRequest = (
  url: URL,
  form: URLSearchParams | undefined,
  authorization: string | undefined,
) => Promise<Answer>;

interface Token {
  text: string;
  /** Milliseconds since 1970. */
  end: number;
}

/** Bearer tokens of one repository, by scopes. */
export class Tokens {
  readonly #request: TokenRequest;
  readonly #insecure: boolean;
  readonly #host: string;
  readonly #kept = new Map<string, Promise<Token>>();

  /** @param host of the registry, for messages */
  constructor(request: TokenRequest, insecure: boolean, host: string) {
    this.#request = request;
    this.#insecure = insecure;
    this.#host = host;
  }

  /** A token for these scopes; `stale` is one that the registry has refused. Credentials are looked up for a new token. */
  async get(
    challenge: Challenge,
    scopes: readonly string[],
    findCredentials: () => Promise<Credentials | undefined>,
    stale?: string,
  ): Promise<string> {
    const key = scopes.join(" ");
    for (let waiting = this.#kept.get(key); waiting !== undefined; waiting = this.#kept.get(key)) {
      const known = await waiting.catch(() => undefined);
      if (known !== undefined && known.text !== stale && known.end > Date.now()) return known.text;
      // Otherwise another request has asked for a new one meanwhile.
      if (this.#kept.get(key) === waiting) break;
    }
    const pending = this.#fetch(challenge, scopes, findCredentials);
    this.#kept.set(key, pending);
    return (await pending).text;
  }

  /** By OAuth 2 with an identity token, otherwise as docker does: GET with the password. */
  async #fetch(
    challenge: Challenge,
    scopes: readonly string[],
    findCredentials: () => Promise<Credentials | undefined>,
  ): Promise<Token> {
    const url = this.#realm(challenge);
    const credentials = await findCredentials();
    const service = challenge.parameters.get("service");
    const identity = credentials?.identityToken ?? "";
    const fields = identity === "" ? url.searchParams : new URLSearchParams();
    if (service !== undefined) fields.set("service", service);
    for (const scope of scopes) fields.append("scope", scope);
    if (identity !== "") {
      fields.set("grant_type", "refresh_token");
      fields.set("refresh_token", identity);
      fields.set("client_id", "puzzlefs");
    } else if (credentials !== undefined && credentials.user !== "") fields.set("account", credentials.user);
    const answer =
      identity === ""
        ? await this.#request(url, undefined, basicAuthorization(credentials))
        : await this.#request(url, fields, undefined);
    return readToken(await answer.bytes(), url.host);
  }

  /** Where the challenge sends the client for a token: by https, unless the registry itself may be reached by http. */
  #realm(challenge: Challenge): URL {
    const realm = challenge.parameters.get("realm") ?? "";
    const url = URL.parse(realm);
    const isAllowed = url?.protocol === "https:" || (this.#insecure && url?.protocol === "http:");
    if (url !== null && isAllowed && url.username === "" && url.password === "") return url;
    throw new RegistryError("protocol", `${this.#host}: the registry names a token server without an https address`);
  }
}

export function basicAuthorization(credentials: Credentials | undefined): string | undefined {
  if (credentials === undefined || credentials.user === "" || credentials.password === "") return undefined;
  return `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString("base64")}`;
}

function readToken(body: Buffer, host: string): Token {
  const fail = (problem: string): RegistryError => new RegistryError("protocol", `${host}: the token is ${problem}`);
  const answer = parseJson(body.toString(), fail);
  if (!isObject(answer)) throw fail("not a JSON object");
  const text = answer["token"] || answer["access_token"];
  // It becomes a part of a header.
  if (typeof text !== "string" || !/^[\x21-\x7e]+$/.test(text))
    throw fail("missing, or has other characters than ASCII");
  const life = typeof answer["expires_in"] === "number" ? answer["expires_in"] : 0;
  const issued = typeof answer["issued_at"] === "string" ? Date.parse(answer["issued_at"]) : Date.now();
  // A clock that differs from the server's must not make a token useless: 401 is the last word.
  const start = Number.isNaN(issued) ? Date.now() : Math.min(issued, Date.now());
  return { text, end: start + (Math.max(life, SHORTEST_LIFE) - MARGIN) * 1000 };
}
