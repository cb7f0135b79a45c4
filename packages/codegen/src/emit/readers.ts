import type { Field } from "../ir.ts";

const READERS = {
  total: { struct: "structField", list: "listField", bytes: "dataField" },
  strict: { struct: "checkedStruct", list: "checkedList", bytes: "checkedData" },
} as const;

/** The function of the wire module that reads a pointer member. */
export function pointerReader(field: Field, kind: "total" | "strict"): string {
  const { is } = field.type;
  if (is !== "struct" && is !== "list" && is !== "bytes") throw new Error(`${field.name} is behind no pointer`);
  return READERS[kind][is];
}
