import test from "ava";
import {
  documentFile,
  imagesText,
  layersText,
  parseImages,
  parseLayers,
  PodmanStoreError,
  type StoreImage,
  type StoreLayer,
} from "./store-index.ts";

const image: StoreImage = {
  id: "1".repeat(64),
  digest: "2".repeat(64),
  names: ["localhost/a:1", "localhost/a:2"],
  layer: "3".repeat(64),
  created: "2026-01-02T03:04:05Z",
  manifestBytes: 12,
  configBytes: 34,
};
const layer: StoreLayer = {
  id: "3".repeat(64),
  created: "2026-01-02T03:04:05Z",
  contentBytes: 56,
  // A directory whose name is not UTF-8.
  origin: { ociDir: "/srv/\udcff", options: ["verify=blob"] },
};

test("an index is read back as it was written", (t) => {
  const images = [image, { ...image, names: [] }];
  t.deepEqual(parseImages(imagesText(images), ""), images);
  t.deepEqual(parseLayers(layersText([layer]), ""), [layer]);
});

test("an index of another program, and any damage to ours, is an error that names the file", (t) => {
  const refused = (parse: () => unknown, what: string): void => {
    const error = t.throws(parse, { instanceOf: PodmanStoreError }, what);
    t.is(error?.path, "file.json");
  };
  for (const text of ["", "{}", "null", "[1]", "[null]", "[[]]", "[{}]", "[", '[{"id":"x"}]']) {
    refused(() => parseImages(text, "file.json"), text);
    refused(() => parseLayers(text, "file.json"), text);
  }
  const [entry] = JSON.parse(imagesText([image])) as [Record<string, unknown>];
  for (const name of ["id", "digest", "layer", "created", "big-data-sizes", "names"])
    for (const value of [7, "x", null, { manifest: -1 }, [1]])
      if (name !== "created" || value !== "x")
        refused(
          () => parseImages(JSON.stringify([{ ...entry, [name]: value }]), "file.json"),
          `${name} ${JSON.stringify(value)}`,
        );
  const [record] = JSON.parse(layersText([layer])) as [Record<string, unknown>];
  for (const metadata of [
    "",
    "{}",
    '{"puzzlefs":1}',
    '{"puzzlefs":{"ociDir":"relative","options":[]}}',
    '{"puzzlefs":{"ociDir":"/"}}',
    1,
  ])
    refused(() => parseLayers(JSON.stringify([{ ...record, metadata }]), "file.json"), String(metadata));
  refused(() => parseLayers(JSON.stringify([{ ...record, "diff-size": -1 }]), "file.json"), "size");
});

test("names of documents are encoded as containers/storage does", (t) => {
  t.is(documentFile("manifest"), "manifest");
  t.is(documentFile("sha256:ab"), "=c2hhMjU2OmFi");
});
