from debian
  run make
	run   rm -rf /src
