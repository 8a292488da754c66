package stix

// STIX Relationship Objects, STIX 2.1 §5.
var relationshipObjects = []*structure{
	sro("relationship", "5.1",
		req("relationship_type", formed((*checker).relationshipType)),
		opt("description", text),
		req("source_ref", ref(anySDOorSCO)),
		req("target_ref", ref(anySDOorSCO)),
		opt("start_time", timestamp),
		opt("stop_time", timestamp),
	).with(after("start_time", "stop_time"), suggested),
	sro("sighting", "5.2",
		opt("description", text),
		opt("first_seen", timestamp),
		opt("last_seen", timestamp),
		opt("count", between(0, 999_999_999, integer)),
		req("sighting_of_ref", ref(anySDO)),
		opt("observed_data_refs", listOf(ref(to("observed-data")))),
		opt("where_sighted_refs", listOf(ref(to("identity", "location")))),
		opt("summary", text),
	).with(notBefore("first_seen", "last_seen")),
}
