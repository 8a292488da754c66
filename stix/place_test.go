package stix

import "testing"

func TestAPlaceHasNoNameThatTheSubmissionChose(t *testing.T) {
	for path, want := range map[string]string{
		"":                                      "",
		"/objects/12/external_references/0/url": "/objects/12/external_references/0/url",
		"/extensions/http-request-ext/request_header/X-Secret": "/extensions/http-request-ext/request_header/*",
		"/extensions/extension-definition--1/secret":           "/extensions/*/*",
		"/hashes/Secret~1Sum":                                  "/hashes/*",
		"/x_secret/0":                                          "/*/0",
		"/contents/de/name":                                    "/contents/*/name",
		"/environment_variables/USER":                          "/environment_variables/*",
		"/granular_markings/0/selectors/1":                     "/granular_markings/0/selectors/1",
		"/pattern":                                             "/pattern",
		"/body_multipart/0/body_raw_ref":                       "/body_multipart/0/body_raw_ref",
	} {
		if got := (&Finding{Path: path}).Place(); got != want {
			t.Errorf("%s is told as %s, not %s", path, got, want)
		}
	}
}
