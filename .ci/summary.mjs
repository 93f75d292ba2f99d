// The last word of .ci/run: what each folder of tests took, and "N passed, N failed" from the runner's
// JSON report (its path is the argument). A skipped test is a failure here.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const report = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const tiers = new Map();
const failures = [];
let passed = 0;

for (const file of report.testResults) {
  const name = relative(process.cwd(), file.name);
  const tier = name.split('/')[1];
  const sum = tiers.get(tier) ?? { tests: 0, milliseconds: 0 };
  tiers.set(tier, sum);
  sum.tests += file.assertionResults.length;
  sum.milliseconds += file.endTime - file.startTime;
  for (const test of file.assertionResults) {
    if (test.status === 'passed') passed++;
    else failures.push(`${test.status}: ${name}: ${test.fullName}`);
  }
  // A file that cannot even be loaded, or whose hooks fail, has no failed test to count.
  if (file.status !== 'passed' && !file.assertionResults.some((test) => test.status !== 'passed')) {
    failures.push(`failed: ${name}: ${file.message}`);
  }
}
if (!report.success && failures.length === 0) failures.push('failed: the test run as a whole');

for (const [tier, sum] of [...tiers].sort()) {
  console.log(
    `${tier.padEnd(12)} ${String(sum.tests).padStart(6)} tests ${(sum.milliseconds / 1000).toFixed(1).padStart(8)} s`,
  );
}
for (const failure of failures) console.log(failure);
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 && passed > 0 ? 0 : 1;
