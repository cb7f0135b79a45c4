import { MountOptionError } from "./errors.ts";

/**
 * Splits mount options at commas. As in mount(8), a value in double quotes may contain commas: context="a:b,c". Quotes
 * stay, so that the options can be joined and split again. Throws MountOptionError for a quote that is not closed.
 */
export function splitOptions(list: string): string[] {
  const options = list.match(/(?:"(?:\\.|[^"\\])*"|[^,"])+/gs) ?? [];
  if (list.replace(/"(?:\\.|[^"\\])*"/gs, "").includes('"')) {
    throw new MountOptionError(`mount options with a quote that is not closed: ${list}`);
  }
  return options;
}

/** A mount option as NAME or NAME=VALUE; quotes around the value are taken off. */
export function nameAndValue(option: string): { name: string; value: string | undefined } {
  const equals = option.indexOf("=");
  if (equals < 0) return { name: option, value: undefined };
  const value = option.slice(equals + 1);
  return { name: option.slice(0, equals), value: /^"(.*)"$/s.exec(value)?.[1] ?? value };
}
