import test from "ava";
import { UsageError } from "../errors.ts";
import { fullName, parseNamedImage } from "./store-name.ts";

test("a name gets a host and a tag, and other forms are refused", (t) => {
  const names: Record<string, string | undefined> = {
    app: "localhost/app:latest",
    "app:v1": "localhost/app:v1",
    "group/app": "localhost/group/app:latest",
    "localhost/app:v1": "localhost/app:v1",
    "example.org/group/app:V_1.2-x": "example.org/group/app:V_1.2-x",
    "registry:5000/app": "registry:5000/app:latest",
    "Example.org/app": "Example.org/app:latest",
    "": undefined,
    App: undefined,
    "app:": undefined,
    "app:-v": undefined,
    "a//b": undefined,
    "/app": undefined,
    "app/": undefined,
    "a b": undefined,
    "app\n": undefined,
    "app@sha256:0": undefined,
    [`app:${"v".repeat(129)}`]: undefined,
    [`${"a/".repeat(128)}a`]: undefined,
  };
  for (const [text, name] of Object.entries(names)) t.is(fullName(text), name, text);
});

test("OCI_DIR:TAG=NAME is split at its last equals sign", (t) => {
  const hex = "0".repeat(64);
  for (const [text, ociDir, reference, name] of [
    ["none/store:v1", "none/store", "v1", "localhost/store:v1"],
    ["none/store:v1=app", "none/store", "v1", "localhost/app:latest"],
    ["none/store:v1=example.org/app:2", "none/store", "v1", "example.org/app:2"],
    ["none/a=b:v1=app", "none/a=b", "v1", "localhost/app:latest"],
    ["none/store:example.org/app:3", "none/store", "example.org/app:3", "example.org/app:3"],
    [`none/store@sha256:${hex}=app:4`, "none/store", `sha256:${hex}`, "localhost/app:4"],
  ] as const) {
    t.deepEqual(parseNamedImage(text), { image: { ociDir, reference }, name }, text);
  }
});

test("an image without a possible name, or with an impossible one, is wrong usage", (t) => {
  for (const text of [
    "none/Store:v1",
    "none/store:v1=",
    "none/store:v1=A B",
    "none/store",
    `none/s@sha256:${"0".repeat(64)}=-`,
  ])
    t.throws(() => parseNamedImage(text), { instanceOf: UsageError }, text);
});
