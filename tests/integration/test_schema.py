#!/usr/bin/env python3
"""Real output is what docs/verdict.schema.json says, and the schema knows every key."""
import json

import jsonschema

import harness


def errors_of(validator, verdict):
    return ['%s: %s' % ('/'.join(str(p) for p in e.absolute_path), e.message[:300])
            for e in validator.iter_errors(verdict)]


def check(entry, validator):
    done = harness.explain_json(entry)
    if done.crashed or done.code not in (0, 1):
        return [str(done)], []
    try:
        verdicts = done.verdicts()
    except ValueError as broken:
        return ['not JSON: %s' % broken], []
    return [e for v in verdicts for e in errors_of(validator, v)], verdicts


def load(name):
    with open(harness.SOURCE / 'docs' / name, encoding='utf-8') as file:
        schema = json.load(file)
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return schema, kind(schema)


def main():
    tap = harness.Tap()
    schema, validator = load('verdict.schema.json')
    tap.ok(True, 'the schema is one')
    entries = harness.labelled()
    results = harness.in_parallel(check, [(e, validator) for e in entries])
    for entry, (wrong, verdicts) in zip(entries, results):
        tap.ok(not wrong and verdicts, entry['file'], *wrong)
    keys = {key for _, verdicts in results for v in verdicts for key in v}
    unknown = sorted(keys - set(schema.get('properties', {})))
    tap.ok(not unknown, 'every key at the top is described', *unknown)
    broken = dict(results[0][1][0], outcome='perhaps')
    tap.ok(errors_of(validator, broken), 'a wrong outcome is noticed')
    tap.done()


if __name__ == '__main__':
    main()
