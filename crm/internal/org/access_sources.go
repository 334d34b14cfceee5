package org

import "slices"

// fieldSource is a field that another one shows.
type fieldSource struct{ object, field string }

// memberNames are fields of a campaign member whose source on a contact has another name.
var memberNames = map[string]string{
	"Street": "MailingStreet", "City": "MailingCity", "State": "MailingState", "PostalCode": "MailingPostalCode", "Country": "MailingCountry",
	"LeadOrContactOwnerId": "OwnerId",
}

// sources are the fields of other records, or of the same, that a computed field of the object gives away.
func (f *Field) sources(o *Object) []fieldSource {
	if f.Place != PlaceComputed {
		return nil
	}
	switch o.Name {
	case ObjectCampaignMember:
		switch f.Name {
		case "LeadOrContactId", "Type":
			return nil
		case "CompanyOrAccount":
			return []fieldSource{{ObjectLead, "Company"}, {ObjectContact, "AccountId"}, {ObjectAccount, "Name"}}
		case "LeadOrContactOwnerId":
			return []fieldSource{{ObjectLead, "OwnerId"}, {ObjectContact, "OwnerId"}}
		}
		contact := f.Name
		if other := memberNames[f.Name]; other != "" {
			contact = other
		}
		return []fieldSource{{ObjectLead, f.Name}, {ObjectContact, contact}}
	case ObjectCase:
		return map[string][]fieldSource{
			"ContactPhone": {{ObjectContact, "Phone"}}, "ContactMobile": {{ObjectContact, "MobilePhone"}},
			"ContactEmail": {{ObjectContact, "Email"}}, "ContactFax": {{ObjectContact, "Fax"}},
		}[f.Name]
	case ObjectOpportunity:
		if f.Name == "ExpectedRevenue" {
			return []fieldSource{{ObjectOpportunity, "Amount"}, {ObjectOpportunity, "Probability"}}
		}
	case ObjectCampaign:
		if f.Type == TypeCurrency {
			return []fieldSource{{ObjectOpportunity, "Amount"}}
		}
	}
	return nil
}

// withoutSecrets takes from the objects of a view the computed fields that show what the view does not: of objects that
// it has not, or not all records of, and of fields that it has not.
func (s *Schema) withoutSecrets() {
	for _, o := range s.Objects {
		o.Fields = slices.DeleteFunc(o.Fields, func(f *Field) bool {
			return slices.ContainsFunc(f.sources(o), func(from fieldSource) bool {
				of := s.byName[Fold(from.object)]
				return of == nil || of.Field(from.field) == nil || of.OwnOnly && of != o
			})
		})
	}
}
