import { execFileSync } from "node:child_process";
import { parse, type DefaultTreeAdapterTypes } from "parse5";

type Node = DefaultTreeAdapterTypes.Node;
type Element = DefaultTreeAdapterTypes.Element;

/** A page as a browser's parser sees it: the HTML standard's, by another project. */
export class Page {
  readonly text: string;
  readonly elements: Element[];
  /** Errors of the parser. */
  readonly errors: string[] = [];

  constructor(text: string) {
    this.text = text;
    const document = parse(text, {
      sourceCodeLocationInfo: true,
      onParseError: ({ code, startLine }) => this.errors.push(`line ${startLine}: ${code}`),
    });
    this.elements = elementsIn(document);
  }

  named(name: string): Element[] {
    return this.elements.filter(({ tagName }) => tagName === name);
  }

  /** The texts of the elements of one name. */
  texts(name: string): string[] {
    return this.named(name).map(textIn);
  }

  /** The cells of the table that follows a summary or has a caption, without its head. */
  table(label: string): string[][] {
    const region = this.elements.find((element) => attributeOf(element, "aria-label") === label);
    if (region === undefined) throw new Error(`no table ${label}`);
    const rows = elementsIn(region).filter(({ tagName }) => tagName === "tr");
    return rows.slice(1).map((row) =>
      elementsIn(row)
        .filter(({ tagName }) => tagName === "td")
        .map(textIn),
    );
  }

  /** The charts, as they are in the page. */
  charts(): string[] {
    return this.named("svg").map(({ sourceCodeLocation }) =>
      this.text.slice(sourceCodeLocation?.startOffset, sourceCodeLocation?.endOffset),
    );
  }
}

export function attributeOf(element: Element, name: string): string | undefined {
  return element.attrs.find((attribute) => attribute.name === name)?.value;
}

function elementsIn(node: Node): Element[] {
  const children = "childNodes" in node ? node.childNodes : [];
  return [...("tagName" in node ? [node] : []), ...children.flatMap(elementsIn)];
}

export function textIn(node: Node): string {
  if ("value" in node) return node.value;
  const children = "childNodes" in node ? node.childNodes : [];
  return children.map(textIn).join("").replace(/\s+/g, " ").trim();
}

const PARSER = `
import json, sys
from xml.etree import ElementTree
for document in json.load(sys.stdin):
    ElementTree.fromstring(document)
`;

/** Parses documents as XML, by expat. Throws for the first that is not well-formed. */
export function parseXml(documents: readonly string[]): void {
  execFileSync("python3", ["-c", PARSER], { input: JSON.stringify(documents), stdio: ["pipe", "pipe", "pipe"] });
}
