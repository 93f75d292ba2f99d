import { describe, expect, it } from 'vitest';
import { report } from '../../../src/cli/failure.ts';
import { Ui } from '../../../src/cli/ui.ts';
import { TscryptError } from '../../../src/errors.ts';

class Heard extends Ui {
  readonly lines: string[] = [];

  override warn(text: string): void {
    this.lines.push(text);
  }
}

describe('a failure', () => {
  it('names the device that may not be opened, not the mapping that needs it', () => {
    const ui = new Heard({});
    const error = new TscryptError('PERMISSION_DENIED', 'crypt: Device lookup failed: EACCES', {
      errno: 'EACCES',
      details: { device: 'secret', below: '/not/there.img' },
    });
    expect(report(error, ui, { action: 'open', device: 'there.img' })).toBe(4);
    expect(ui.lines).toEqual(['Device /not/there.img does not exist or access denied.']);
  });
});
