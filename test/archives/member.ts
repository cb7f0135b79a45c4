/** Members of archives, written by hand: each field is what a test says, right or wrong. Not by the product's writer. */

export interface Fields {
  name: string;
  /** Type flag. */
  type?: string;
  link?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  size?: number;
  major?: number;
  minor?: number;
  prefix?: string;
  magic?: string;
  content?: Uint8Array | string;
  /** Records of an extended header before it. */
  records?: readonly (readonly [key: string, value: Uint8Array | string])[];
  /** Changes the header block before the checksum is computed. */
  change?: (block: Buffer) => void;
}

export function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 511)]);
}

export function record(key: string, value: Uint8Array | string): Buffer {
  const rest = Buffer.concat([
    Buffer.from(` ${key}=`, "latin1"),
    Buffer.from(value as string, "latin1"),
    Buffer.from("\n"),
  ]);
  for (let digits = 1; ; digits++) {
    const length = `${rest.length + digits}`;
    if (length.length === digits) return Buffer.concat([Buffer.from(length), rest]);
  }
}

function header(fields: Fields, size: number): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, width: number): number =>
    block.write(value.toString(8).padStart(width - 1, "0"), at, "latin1");
  block.write(fields.name, 0, 100, "latin1");
  octal(fields.mode ?? 0o644, 100, 8);
  octal(fields.uid ?? 0, 108, 8);
  octal(fields.gid ?? 0, 116, 8);
  octal(fields.size ?? size, 124, 12);
  octal(fields.mtime ?? 1_000_000_000, 136, 12);
  block.write(fields.type ?? "0", 156, 1, "latin1");
  block.write(fields.link ?? "", 157, 100, "latin1");
  block.write(fields.magic ?? "ustar\x0000", 257, 8, "latin1");
  octal(fields.major ?? 0, 329, 8);
  octal(fields.minor ?? 0, 337, 8);
  block.write(fields.prefix ?? "", 345, 155, "latin1");
  fields.change?.(block);
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

export function member(fields: Fields): Buffer {
  const content = Buffer.from((fields.content ?? "") as string, "latin1");
  const parts: Buffer[] = [];
  if (fields.records !== undefined) {
    const text = Buffer.concat(fields.records.map(([key, value]) => record(key, value)));
    parts.push(header({ name: "PaxHeaders/x", type: "x" }, text.length), padded(text));
  }
  return Buffer.concat([...parts, header(fields, content.length), padded(content)]);
}

export function archive(...members: readonly (Fields | Buffer)[]): Buffer {
  const parts = members.map((each) => (Buffer.isBuffer(each) ? each : member(each)));
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

export const dir = (name: string, fields: Partial<Fields> = {}): Fields => ({
  name,
  type: "5",
  mode: 0o755,
  ...fields,
});
export const file = (name: string, content: string, fields: Partial<Fields> = {}): Fields => ({
  name,
  content,
  ...fields,
});
export const symlink = (name: string, link: string): Fields => ({ name, type: "2", link, mode: 0o777 });
export const hardLink = (name: string, link: string): Fields => ({ name, type: "1", link });
export const whiteout = (name: string): Fields => ({ name });
