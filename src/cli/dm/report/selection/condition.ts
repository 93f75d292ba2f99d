import type { CatalogueField } from '../catalogue.ts';
import { compareKeys, type FieldKey } from '../field.ts';
import type { Regex } from './regex.ts';
import type { NumberValue } from './value.ts';

export type Ordering = '=' | '!=' | '<' | '<=' | '>' | '>=';

/** What a selection says, as a tree. */
export type Condition<Row> =
  | { readonly test: 'and' | 'or'; readonly parts: readonly Condition<Row>[] }
  | { readonly test: 'not'; readonly part: Condition<Row> }
  | {
      readonly test: 'text';
      readonly field: CatalogueField<Row>;
      readonly text: string;
      readonly same: boolean;
    }
  | {
      readonly test: 'regex';
      readonly field: CatalogueField<Row>;
      readonly regex: Regex;
      readonly matches: boolean;
    }
  | {
      readonly test: 'number';
      readonly field: CatalogueField<Row>;
      readonly operator: Ordering;
      readonly value: NumberValue;
    };

/** @param keyOf the key of a field in the row in question */
export function holds<Row>(
  condition: Condition<Row>,
  keyOf: (field: CatalogueField<Row>) => FieldKey,
): boolean {
  switch (condition.test) {
    case 'and':
      return condition.parts.every((part) => holds(part, keyOf));
    case 'or':
      return condition.parts.some((part) => holds(part, keyOf));
    case 'not':
      return !holds(condition.part, keyOf);
    case 'text':
      return (String(keyOf(condition.field)) === condition.text) === condition.same;
    case 'regex':
      return condition.regex.matches(String(keyOf(condition.field))) === condition.matches;
    case 'number': {
      const key = keyOf(condition.field);
      return isSo(condition.operator, compareKeys(key, condition.value.asFor(key)));
    }
  }
}

function isSo(operator: Ordering, order: number): boolean {
  switch (operator) {
    case '=':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

/** The fields that a condition looks at. */
export function fieldsOf<Row>(condition: Condition<Row>): readonly CatalogueField<Row>[] {
  switch (condition.test) {
    case 'and':
    case 'or':
      return condition.parts.flatMap(fieldsOf);
    case 'not':
      return fieldsOf(condition.part);
    default:
      return [condition.field];
  }
}
