// jsforce 3, unmodified: the org's records in bulk, by query, describe, collections and composites (clients 3.1).
import { test } from 'node:test';
import assert from 'node:assert/strict';
import jsforce from 'jsforce';
import { ready } from './ready.mjs';

const { crm } = ready;
const user = crm.admin;

const conn = new jsforce.Connection({ loginUrl: crm.url, version: '65.0' });
await conn.login(user.username, user.password + user.security_token);
conn.bulk2.pollInterval = 50;
conn.bulk2.pollTimeout = 60_000;

const many = 4500;

test('bulk2 loads records and tells what became of each', async () => {
  const input = Array.from({ length: many }, (_, i) => ({ LastName: i === 17 ? '' : `Loaded ${i}`, Title: 'bulk2', Description: `line 1\n"line" ${i}, 2` }));
  const { successfulResults, failedResults, unprocessedRecords } = await conn.bulk2.loadAndWaitForResults({ object: 'Contact', operation: 'insert', input });
  assert.equal(successfulResults.length, many - 1);
  assert.match(successfulResults[0].sf__Id, /^003\w{15}$/);
  assert.equal(successfulResults[0].sf__Created, 'true');
  assert.equal(successfulResults[0].Description, 'line 1\n"line" 0, 2');
  assert.equal(failedResults.length, 1);
  assert.match(failedResults[0].sf__Error, /^REQUIRED_FIELD_MISSING:/);
  assert.equal(unprocessedRecords.length, 0);
});

test('a query is followed over its locators', async () => {
  const first = await conn.query("SELECT Id, LastName FROM Contact WHERE Title = 'bulk2'");
  assert.equal(first.totalSize, many - 1);
  assert.equal(first.done, false);
  assert.match(first.nextRecordsUrl, /\/services\/data\/v65\.0\/query\/01g/);
  const next = await conn.queryMore(first.nextRecordsUrl);
  assert.equal(next.records.length, 2000);
  const all = await conn.query("SELECT Id, LastName FROM Contact WHERE Title = 'bulk2'", { autoFetch: true, maxFetch: 10_000 });
  assert.equal(new Set(all.records.map((r) => r.Id)).size, many - 1);
});

test('bulk2 answers a query as a stream', async () => {
  const records = await (await conn.bulk2.query("SELECT Id, LastName, Account.Name FROM Contact WHERE Title = 'bulk2'")).toArray();
  assert.equal(records.length, many - 1);
  assert.ok(records.every((r) => r.Id.length === 18 && r.LastName.startsWith('Loaded') && r['Account.Name'] === ''));
});

test('bulk2 updates and deletes', async () => {
  const found = await conn.query("SELECT Id FROM Contact WHERE Title = 'bulk2' LIMIT 5");
  const ids = found.records.map((r) => r.Id);
  const updated = await conn.bulk2.loadAndWaitForResults({ object: 'Contact', operation: 'update', input: ids.map((Id) => ({ Id, Title: '#N/A', FirstName: 'Changed' })) });
  assert.equal(updated.successfulResults.length, 5, JSON.stringify(updated));
  assert.equal((await conn.sobject('Contact').retrieve(ids[0])).Title, null);
  const gone = await conn.bulk2.loadAndWaitForResults({ object: 'Contact', operation: 'delete', input: ids.map((Id) => ({ Id })) });
  assert.equal(gone.successfulResults.length, 5);
  await assert.rejects(conn.sobject('Contact').retrieve(ids[0]), { name: 'ENTITY_IS_DELETED' });
});

test('a load that cannot be understood fails in words', async () => {
  const job = conn.bulk2.createJob({ object: 'Contact', operation: 'insert' });
  await job.open();
  await job.uploadData([{ LastName: 'x', Nope__c: 'y' }]);
  await job.close();
  await assert.rejects(job.poll(50, 30_000), /Field name not found : Nope__c/);
  await job.delete();
  await assert.rejects(job.check(), { name: 'NOT_FOUND' });
});

test('describe', async () => {
  const all = await conn.describeGlobal();
  assert.ok(all.sobjects.some((o) => o.name === 'Contact' && o.keyPrefix === '003' && o.createable));
  const contact = await conn.sobject('Contact').describe();
  const last = contact.fields.find((f) => f.name === 'LastName');
  assert.equal(last.length, 80);
  assert.equal(last.nillable, false);
  assert.ok(contact.fields.find((f) => f.name === 'AccountId').referenceTo.includes('Account'));
});

test('upsert by an external id', async () => {
  const field = await conn.metadata.create('CustomField', { fullName: 'Contact.Ref__c', label: 'Ref', type: 'Text', length: 20, externalId: true });
  assert.equal(field.success, true, JSON.stringify(field));
  const made = await conn.sobject('Contact').upsert({ Ref__c: 'r-1 ä', LastName: 'Upserted' }, 'Ref__c');
  assert.equal(made.success, true);
  assert.equal(made.created, true);
  const again = await conn.sobject('Contact').upsert({ Ref__c: 'r-1 ä', Title: 'Second' }, 'Ref__c');
  assert.equal(again.id, made.id);
  assert.equal(again.created, false);
  const read = await conn.sobject('Contact').retrieve(made.id);
  assert.deepEqual([read.LastName, read.Title, read.Ref__c], ['Upserted', 'Second', 'r-1 ä']);
  const both = await conn.sobject('Contact').upsert([{ Ref__c: 'r2', LastName: 'Two' }, { Ref__c: 'r3' }], 'Ref__c', { allOrNone: false });
  assert.deepEqual(both.map((b) => b.success), [true, false]);
  assert.equal((both[1].errors[0].name ?? '') + (both[1].errors[0].statusCode ?? ''), 'REQUIRED_FIELD_MISSING');
});

test('collections: create, retrieve, update and destroy many', async () => {
  const made = await conn.sobject('Contact').create([{ LastName: 'One' }, { FirstName: 'Nameless' }, { LastName: 'Three' }]);
  assert.deepEqual(made.map((m) => m.success), [true, false, true]);
  assert.equal(made[1].errors[0].statusCode, 'REQUIRED_FIELD_MISSING');
  const ids = [made[0].id, made[2].id];
  const read = await conn.sobject('Contact').retrieve(ids);
  assert.deepEqual(read.map((r) => r.LastName), ['One', 'Three']);
  const changed = await conn.sobject('Contact').update(ids.map((Id) => ({ Id, Title: 'many' })));
  assert.ok(changed.every((c) => c.success));
  const gone = await conn.sobject('Contact').destroy(ids);
  assert.ok(gone.every((g) => g.success));
  await assert.rejects(conn.sobject('Contact').create([{ LastName: 'Kept' }, { FirstName: 'Nameless' }], { allOrNone: true }), /Required fields are missing|rolled back/i)
    .catch(async () => { // versions of the library differ in whether they throw
      assert.equal((await conn.query("SELECT Id FROM Contact WHERE LastName = 'Kept'")).totalSize, 0);
    });
});

test('a composite refers to itself', async () => {
  const base = '/services/data/v65.0';
  const { compositeResponse } = await conn.requestPost(`${base}/composite`, {
    allOrNone: true,
    compositeRequest: [
      { method: 'POST', url: `${base}/sobjects/Account`, referenceId: 'account', body: { Name: 'By jsforce' } },
      { method: 'POST', url: `${base}/sobjects/Contact`, referenceId: 'contact', body: { LastName: 'Composite', AccountId: '@{account.id}' } },
      { method: 'GET', url: `${base}/query?q=SELECT+Account.Name+FROM+Contact+WHERE+Id='@{contact.id}'`, referenceId: 'check' },
    ],
  });
  assert.deepEqual(compositeResponse.map((r) => r.httpStatusCode), [201, 201, 200]);
  assert.equal(compositeResponse[2].body.records[0].Account.Name, 'By jsforce');
});

test('tooling query, and records updated in a time', async () => {
  assert.ok((await conn.tooling.query('SELECT Id FROM User LIMIT 1')).totalSize >= 1);
  const made = await conn.sobject('Contact').create({ LastName: 'Fresh' });
  const now = Date.now();
  const updated = await conn.sobject('Contact').updated(new Date(now - 3_600_000), new Date(now + 60_000));
  assert.ok(updated.ids.includes(made.id));
  await conn.sobject('Contact').destroy(made.id);
  const deleted = await conn.sobject('Contact').deleted(new Date(now - 3_600_000), new Date(now + 60_000));
  assert.ok(deleted.deletedRecords.some((r) => r.id === made.id));
});
