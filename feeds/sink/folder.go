package sink

var tableFormats, folderFormats, streamFormats []Format
