import { LayoutError } from "./errors.ts";
import { parseJson } from "./json.ts";
import type { Platform } from "./platform.ts";

/** The media type of an image configuration: what to run in the image, as whom, with which environment. */
export const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";

/** Bytes; skopeo, podman and buildah read no more. */
export const CONFIG_LIMIT = 4 * 1024 * 1024;

/** The part of an image configuration that is needed to start a container; null counts as absent. */
export interface ImageConfig extends Omit<Platform, "variant"> {
  variant?: string | null;
  config?: {
    User?: string | null;
    Entrypoint?: string[] | null;
    Cmd?: string[] | null;
    Env?: string[] | null;
    WorkingDir?: string | null;
    Labels?: Record<string, string> | null;
  } | null;
}

/**
 * Parses an image configuration (config.md of OCI's image-spec). Members that the specification names must have their type, or
 * other tools could not read it; other members are accepted. Any list of layers (rootfs.diff_ids) is accepted, or
 * none: it is about archives, and no tool unpacks our layers by it. Throws LayoutError (refused) about `path`.
 */
export function parseImageConfig(bytes: Uint8Array, path: string): ImageConfig {
  if (bytes.length > CONFIG_LIMIT) throw refusal(path, `larger than ${CONFIG_LIMIT} bytes`);
  let text: string;
  try {
    // A byte order mark counts as text, and is then no JSON.
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw refusal(path, "not UTF-8", error);
  }
  const value = parseJson(text, (problem) => refusal(path, problem));
  assertImageConfig(value, path);
  return value;
}

function assertImageConfig(value: unknown, path: string): asserts value is ImageConfig {
  const problem = imageConfig(value, "it");
  if (problem !== undefined) throw refusal(path, problem);
}

function refusal(path: string, problem: string, cause?: unknown): LayoutError {
  return new LayoutError("refused", path, `not an image configuration: ${problem}`, cause);
}

/** A message if the value of that name is wrong. */
type Check = (value: unknown, name: string) => string | undefined;

const isText: Check = (value, name) => (typeof value === "string" ? undefined : `${name} is not a string`);

const isGiven: Check = (value, name) =>
  typeof value === "string" && value !== "" ? undefined : `${name} is missing, or not a string`;

/** Programs in Go read null as absent. */
function optional(check: Check): Check {
  return (value, name) => (value === undefined || value === null ? undefined : check(value, name));
}

const isTexts = optional((value, name) =>
  Array.isArray(value) && value.every((item) => typeof item === "string")
    ? undefined
    : `${name} is not a list of strings`,
);

const isMap = optional((value, name) => (isObject(value) ? undefined : `${name} is not an object`));

const isTextMap = optional((value, name) =>
  isObject(value) && Object.values(value).every((item) => typeof item === "string")
    ? undefined
    : `${name} is not an object of strings`,
);

function members(checks: Record<string, Check>): Check {
  return (value, name) => {
    if (!isObject(value)) return `${name} is not an object`;
    for (const [key, check] of Object.entries(checks)) {
      const problem = check(value[key], name === "it" ? key : `${name}.${key}`);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isHistory = optional((value, name) =>
  Array.isArray(value) && value.every(isObject) ? undefined : `${name} is not a list of objects`,
);

const imageConfig = members({
  architecture: isGiven,
  os: isGiven,
  variant: optional(isText),
  "os.version": optional(isText),
  "os.features": isTexts,
  created: optional(isText),
  author: optional(isText),
  config: optional(
    members({
      User: optional(isText),
      ExposedPorts: isMap,
      Env: isTexts,
      Entrypoint: isTexts,
      Cmd: isTexts,
      Volumes: isMap,
      WorkingDir: optional(isText),
      Labels: isTextMap,
      StopSignal: optional(isText),
    }),
  ),
  rootfs: optional(members({ type: optional(isText), diff_ids: isTexts })),
  history: isHistory,
});
