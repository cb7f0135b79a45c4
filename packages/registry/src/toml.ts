import { jsonText } from "@puzzlefs/linux";
import { isObject } from "@puzzlefs/oci";
import { parse, TomlError } from "smol-toml";
import { RegistryError } from "./errors.ts";

/** Throws RegistryError (configuration) with the file, and where it is no TOML the line. */
export function parseToml(content: Buffer, path: string): Table {
  try {
    return new Table(parse(content.toString()), path);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new RegistryError("configuration", `${path}: not TOML: wrong at line ${error.line} column ${error.column}`);
  }
}

/** Strict access to the members of a parsed table. Members that it does not ask for are ignored, as by other tools. */
export class Table {
  readonly #members: Record<string, unknown>;
  readonly #path: string;
  readonly #where: string;

  /** @param where the table in the file, for messages */
  constructor(members: Record<string, unknown>, path: string, where = "") {
    this.#members = members;
    this.#path = path;
    this.#where = where;
  }

  fail(why: string): never {
    throw new RegistryError("configuration", `${this.#path}: ${this.#where}${why}`);
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#members, key);
  }

  keys(): string[] {
    return Object.keys(this.#members);
  }

  text(key: string): string | undefined {
    const value = this.value(key);
    if (value === undefined || typeof value === "string") return value;
    return this.fail(`${key} is not a string`);
  }

  flag(key: string): boolean {
    const value = this.value(key) ?? false;
    return typeof value === "boolean" ? value : this.fail(`${key} is not a boolean`);
  }

  texts(key: string): string[] {
    const value = this.value(key) ?? [];
    const isTexts = Array.isArray(value) && value.every((item) => typeof item === "string");
    return isTexts ? value : this.fail(`${key} is not an array of strings`);
  }

  table(key: string): Table | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    return isObject(value)
      ? new Table(value, this.#path, `${this.#where}${jsonText(key)}: `)
      : this.fail(`${key} is not a table`);
  }

  tables(key: string): Table[] {
    const value = this.value(key) ?? [];
    if (!Array.isArray(value) || !value.every(isObject)) return this.fail(`${key} is not an array of tables`);
    return value.map((item) => new Table(item, this.#path, this.#where));
  }

  /** Undefined if there is none. */
  value(key: string): unknown {
    return this.has(key) ? this.#members[key] : undefined;
  }
}
