package stix

// Predefined extensions of cyber-observables and the types that are part of
// one, STIX 2.1 §6.
var (
	mimePart = table("email-mime-component", "6.6.2",
		opt("body", text),
		opt("body_raw_ref", ref(to("artifact", "file"))),
		opt("content_type", text),
		opt("content_disposition", text),
	).with(oneOf("body", "body_raw_ref"))

	archiveExt = table("archive-ext", "6.7.2",
		req("contains_refs", listOf(ref(to("file", "directory")))),
	)

	ntfsExt = table("ntfs-ext", "6.7.3",
		opt("sid", text),
		opt("alternate_data_streams", listOf(nested(alternateDataStream))),
	).with(oneOfAny)

	alternateDataStream = table("alternate-data-stream", "6.7.3",
		req("name", text),
		opt("hashes", hashes),
		opt("size", atLeast(0)),
	)

	pdfExt = table("pdf-ext", "6.7.4",
		opt("version", text),
		opt("is_optimized", boolean),
		opt("document_info_dict", documentInfo),
		opt("pdfid0", text),
		opt("pdfid1", text),
	).with(oneOfAny)

	rasterImageExt = table("raster-image-ext", "6.7.5",
		opt("image_height", integer),
		opt("image_width", integer),
		opt("bits_per_pixel", integer),
		opt("exif_tags", dictionary(&integerOrText)),
	).with(oneOfAny)

	peBinaryExt = table("windows-pebinary-ext", "6.7.6",
		req("pe_type", open(peTypes)),
		opt("imphash", text),
		opt("machine_hex", hexadecimal),
		opt("number_of_sections", integer),
		opt("time_date_stamp", formed((*checker).toTheSecond)),
		opt("pointer_to_symbol_table_hex", hexadecimal),
		opt("number_of_symbols", integer),
		opt("size_of_optional_header", atLeast(0)),
		opt("characteristics_hex", hexadecimal),
		opt("file_header_hashes", hashes),
		opt("optional_header", nested(peOptionalHeader)),
		opt("sections", listOf(nested(peSection))),
	).with(besides("pe_type"))

	peOptionalHeader = table("windows-pe-optional-header", "6.7.6",
		opt("magic_hex", hexadecimal),
		opt("major_linker_version", integer),
		opt("minor_linker_version", integer),
		opt("size_of_code", atLeast(0)),
		opt("size_of_initialized_data", atLeast(0)),
		opt("size_of_uninitialized_data", atLeast(0)),
		opt("address_of_entry_point", integer),
		opt("base_of_code", integer),
		opt("base_of_data", integer),
		opt("image_base", integer),
		opt("section_alignment", integer),
		opt("file_alignment", integer),
		opt("major_os_version", integer),
		opt("minor_os_version", integer),
		opt("major_image_version", integer),
		opt("minor_image_version", integer),
		opt("major_subsystem_version", integer),
		opt("minor_subsystem_version", integer),
		opt("win32_version_value_hex", hexadecimal),
		opt("size_of_image", atLeast(0)),
		opt("size_of_headers", atLeast(0)),
		opt("checksum_hex", hexadecimal),
		opt("subsystem_hex", hexadecimal),
		opt("dll_characteristics_hex", hexadecimal),
		opt("size_of_stack_reserve", atLeast(0)),
		opt("size_of_stack_commit", atLeast(0)),
		opt("size_of_heap_reserve", atLeast(0)),
		opt("size_of_heap_commit", atLeast(0)),
		opt("loader_flags_hex", hexadecimal),
		opt("number_of_rva_and_sizes", integer),
		opt("hashes", hashes),
	).with(oneOfAny)

	peSection = table("windows-pe-section", "6.7.6",
		req("name", text),
		opt("size", atLeast(0)),
		opt("entropy", float),
		opt("hashes", hashes),
	)

	httpRequestExt = table("http-request-ext", "6.12.2",
		req("request_method", text),
		req("request_value", text),
		opt("request_version", text),
		opt("request_header", requestHeader),
		opt("message_body_length", integer),
		opt("message_body_data_ref", ref(to("artifact"))),
	)

	icmpExt = table("icmp-ext", "6.12.3",
		req("icmp_type_hex", hexadecimal),
		req("icmp_code_hex", hexadecimal),
	)

	socketExt = table("socket-ext", "6.12.4",
		req("address_family", enum(addressFamilies)),
		opt("is_blocking", boolean),
		opt("is_listening", boolean),
		opt("options", dictionary(&integer)),
		opt("socket_type", enum(socketTypes)),
		opt("socket_descriptor", integer),
		opt("socket_handle", integer),
	)

	tcpExt = table("tcp-ext", "6.12.5",
		opt("src_flags_hex", hexadecimal),
		opt("dst_flags_hex", hexadecimal),
	).with(oneOfAny)

	windowsProcessExt = table("windows-process-ext", "6.13.2",
		opt("aslr_enabled", boolean),
		opt("dep_enabled", boolean),
		opt("priority", formed((*checker).priorityClass)),
		opt("owner_sid", text),
		opt("windows_title", text),
		opt("startup_info", dictionary(nil)),
		opt("integrity_level", enum(integrityLevels)),
	).with(oneOfAny)

	windowsServiceExt = table("windows-service-ext", "6.13.3",
		opt("service_name", text),
		opt("descriptions", listOf(text)),
		opt("display_name", text),
		opt("group_name", text),
		opt("start_type", enum(serviceStartTypes)),
		opt("service_dll_refs", listOf(ref(to("file")))),
		opt("service_type", enum(serviceTypes)),
		opt("service_status", enum(serviceStatuses)),
	).with(oneOfAny)

	unixAccountExt = table("unix-account-ext", "6.16.2",
		opt("gid", integer),
		opt("groups", listOf(text)),
		opt("home_dir", text),
		opt("shell", text),
	).with(oneOfAny)

	registryValue = table("windows-registry-value", "6.17.2",
		opt("name", text),
		opt("data", text),
		opt("data_type", enum(registryDataTypes)),
	).with(oneOfAny)

	x509Extensions = table("x509-v3-extensions", "6.18.2",
		opt("basic_constraints", text),
		opt("name_constraints", text),
		opt("policy_constraints", text),
		opt("key_usage", text),
		opt("extended_key_usage", text),
		opt("subject_key_identifier", text),
		opt("authority_key_identifier", text),
		opt("subject_alternative_name", text),
		opt("issuer_alternative_name", text),
		opt("subject_directory_attributes", text),
		opt("crl_distribution_points", text),
		opt("inhibit_any_policy", text),
		opt("private_key_usage_period_not_before", timestamp),
		opt("private_key_usage_period_not_after", timestamp),
		opt("certificate_policies", text),
		opt("policy_mappings", text),
	).with(oneOfAny)

	fileExtensions    = extensions(archiveExt, ntfsExt, pdfExt, rasterImageExt, peBinaryExt)
	trafficExtensions = extensions(httpRequestExt, icmpExt, socketExt, tcpExt)
	processExtensions = extensions(windowsProcessExt, windowsServiceExt)
	accountExtensions = extensions(unixAccountExt)
)

func extensions(tables ...*structure) map[string]*structure {
	byKey := make(map[string]*structure, len(tables))
	for _, st := range tables {
		byKey[st.name] = st
	}
	return byKey
}

var (
	integerOrText = value{kind: specialKind, form: (*checker).integerOrText}
	textLists     = listOf(text)
	requestHeader = value{kind: dictionaryKind, each: &textLists, keys: (*checker).headerName}
	documentInfo  = value{kind: dictionaryKind, each: &text, keys: (*checker).documentInfoKey}
)

// predefinedExtensions tells of each key which object type it extends.
var predefinedExtensions = func() map[string]string {
	m := make(map[string]string)
	for typ, byKey := range map[string]map[string]*structure{"file": fileExtensions, "network-traffic": trafficExtensions,
		"process": processExtensions, "user-account": accountExtensions} {
		for key := range byKey {
			m[key] = typ
		}
	}
	return m
}()
