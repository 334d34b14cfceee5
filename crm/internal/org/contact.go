package org

func beforeContact(c *change) error {
	c.values["Name"] = PersonName(c.text("FirstName"), c.text("LastName"))
	return nil
}

// beforeAccountDelete: an account takes its contacts into the recycle bin with it.
func beforeAccountDelete(c *change) error {
	_, err := c.tx.Update(c.schema.must(ObjectContact), c.session.Org, Values{"AccountId": string(c.id), "IsDeleted": false},
		Values{"IsDeleted": true, "LastModifiedDate": c.at, "SystemModstamp": c.at, "LastModifiedById": string(c.session.User)})
	return err
}
