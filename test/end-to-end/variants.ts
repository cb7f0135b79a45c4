/** Ways to store an image: every reader must give the same tree back for each. */
export interface Variant {
  name: string;
  options: string[];
}

export const variants: readonly Variant[] = [
  { name: "raw", options: [] },
  { name: "zstd", options: ["-c"] },
  { name: "raw, one stream", options: ["--chunking", "stream"] },
  { name: "zstd, one stream, 4 KiB frames", options: ["-c", "--chunking", "stream", "--frame-size", "4096"] },
  { name: "raw, packed", options: ["--pack", "4M"] },
  { name: "zstd, packed, small chunks", options: ["-c", "--pack", "1M", "--chunk-size", "2048:8192:65536"] },
];
