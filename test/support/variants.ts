/** Ways to store an image: every reader must show the same tree for each. */
export interface Variant {
  name: string;
  options: string[];
}

export const variants: readonly Variant[] = [
  { name: "raw", options: [] },
  { name: "zstd", options: ["-c"] },
  { name: "raw, one stream", options: ["--chunking", "stream"] },
  { name: "zstd, one stream, 4 KiB frames", options: ["-c", "--chunking", "stream", "--frame-size", "4096"] },
  {
    name: "zstd, one stream, small chunks",
    options: ["-c", "--chunking", "stream", "--level", "1", "--chunk-size", "2048:8192:65536"],
  },
];

/** Every option once, for trees whose content takes its time. */
export const fewVariants = variants.filter((_, index) => index !== 2);
