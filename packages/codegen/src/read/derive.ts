import type { Field, StructType } from "../ir.ts";

/** The module that the compiler writes itself. */
export const DERIVED = "checks";

/**
 * Writes, in the language itself, one function a struct that follows every pointer in it strictly:
 * `followThing(thing, work)` fails where anything inside breaks a rule of the encoding.
 */
export function deriveChecks(structs: StructType[], languageFile: string, structsFile: string): string {
  const pointers = (struct: StructType): Field[] =>
    [...struct.fields, ...struct.unions.flatMap((union) => union.members)].filter(isPointer);
  const checkedStructs = new Set(structs.filter((struct) => pointers(struct).length > 0).map((struct) => struct.name));

  const follow = (field: Field, path: string): string[] => {
    const target = field.type.is === "struct" ? field.type.name : field.type.is === "list" ? field.type.element : "";
    if (!checkedStructs.has(target)) return [`checked(${path}, work);`];
    const start = `const ${field.name} = checked(${path}, work);`;
    if (field.type.is === "struct") return [start, `follow${target}(${field.name}, work);`];
    return [start, `for (const item of ${field.name}) follow${target}(item, work);`];
  };
  const functions = structs
    .filter((struct) => checkedStructs.has(struct.name))
    .flatMap((struct) => [
      `/** Follows every pointer of a ${struct.name} strictly. */`,
      `export function follow${struct.name}(self: ${struct.name}, work: Scratch<u53>): void {`,
      ...struct.fields.filter(isPointer).flatMap((field) => follow(field, `self.${field.name}`)),
      ...struct.unions.flatMap((union) => [
        `const ${union.member}Kind = self.${union.member}.kind;`,
        ...union.members
          .filter(isPointer)
          .flatMap((field) => [
            `if (${union.member}Kind === "${field.name}") {`,
            ...follow(field, `self.${union.member}.${field.name}`),
            "}",
          ]),
      ]),
      "}",
    ]);
  return [
    `import { checked } from "${languageFile}";`,
    `import type { Scratch, u53 } from "${languageFile}";`,
    `import type { ${[...checkedStructs].join(", ")} } from "${structsFile}";`,
    ...functions,
  ].join("\n");
}

const isPointer = (field: Field): boolean => field.type.is !== "scalar" && field.type.is !== "void";
